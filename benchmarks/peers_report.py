"""Reports a run of benchmarks/peers.py: ratios with their spread over the repetitions, tables and a plot."""

import os
import platform
from collections.abc import Callable, Mapping, Sequence
from html import escape
from pathlib import Path
from statistics import median, quantiles
from typing import Any

NAMES = {
    "ours": "**ours**, from files",
    "ours-passages": "ours, from ready passages",
    "langchain": "LangChain + FAISS",
    "llamaindex": "LlamaIndex + FAISS",
    "txtai": "txtai",
    "haystack": "Haystack",
}
LIBRARIES = {
    "langchain": ("langchain-huggingface", "langchain-community"),
    "llamaindex": ("llama-index-core",),
    "txtai": ("txtai",),
    "haystack": ("haystack-ai",),
}
SHARED = ("torch", "transformers", "sentence-transformers", "faiss-cpu", "onnxruntime", "numpy")
FLAGS = ("avx2", "avx512f", "avx512_vnni", "avx512_bf16", "avx_vnni", "amx_int8", "amx_bf16")

System = Mapping[str, Any]


def machine() -> dict[str, Any]:
    """Processor with the relevant flags, memory and Python, as far as the system reports them."""
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.is_file() else []
    pairs = dict(line.split(":", 1) for line in lines if ":" in line)
    about = {name.strip(): value.strip() for name, value in pairs.items()}
    memory = Path("/proc/meminfo")
    return {
        "processor": about.get("model name") or platform.processor() or platform.machine(),
        "family": about.get("cpu family", ""),
        "model": about.get("model", ""),
        "flags": [flag for flag in FLAGS if flag in about.get("flags", "").split()],
        "cores": os.cpu_count(),
        "memory_gib": round(int(memory.read_text().split()[1]) / 2**20, 1) if memory.is_file() else None,
        "system": platform.platform(),
        "python": platform.python_version(),
        "load": os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
    }


def rates(system: System) -> list[float]:
    """Passages per second in each repetition."""
    return [part["passages"] / part["seconds"] for part in system["build"]]


def rate(system: System) -> float:
    """Passages per second over all repetitions."""
    return float(sum(part["passages"] for part in system["build"]) / sum(part["seconds"] for part in system["build"]))


def p50s(system: System) -> list[float]:
    """The median time of a query in seconds in each repetition."""
    return [median(part["seconds"]) for part in system["query"]]


def all_times(system: System) -> list[float]:
    return [seconds for part in system["query"] for seconds in part["seconds"]]


def p95(times: Sequence[float]) -> float:
    return quantiles(times, n=20, method="inclusive")[-1]


def memory(system: System) -> float:
    """Peak memory in MB plus the peak of the child processes, which may have been at another time."""
    return float(system["peak"] + system["children"]) / 1024


def against(ours: Sequence[float], peers: Sequence[Sequence[float]], better: Callable[[Sequence[float]], float]) -> list[float]:
    """The ratio of ours to the best peer in each repetition; the best peer may change."""
    return [own / better(others) for own, others in zip(ours, zip(*peers, strict=True), strict=True)]


def spread(ratios: Sequence[float]) -> str:
    return f"{median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"


def parted(result: Mapping[str, Any]) -> tuple[System, System, list[System]]:
    """Our system from files, our system from ready passages, and the peers."""
    by_name = {system["system"]: system for system in result["systems"]}
    return by_name["ours"], by_name["ours-passages"], [s for s in result["systems"] if not s["system"].startswith("ours")]


def named(system: System) -> str:
    variant = "" if system["variant"] == "plain" else ", waiting passively"
    return NAMES[system["system"]] + variant


def tables(result: Mapping[str, Any]) -> str:
    return "\n\n".join(part for part in (where(result), systems_table(result), ratio_table(result), pilot_table(result)) if part)


def where(result: Mapping[str, Any]) -> str:
    m, s = result["machine"], result["set"]
    versions = {peer["system"]: peer["versions"] for peer in result["systems"]}
    shared = [
        f"{name} {' / '.join(sorted({installed[name] for installed in versions.values() if name in installed}))}"
        for name in SHARED
        if any(name in installed for installed in versions.values())
    ]
    own = [f"{name} {versions[peer][name]}" for peer in versions for name in LIBRARIES.get(peer, ())]
    own += sorted({f"our embedding.backend {system['notes']['backend']}" for system in result["systems"] if system["notes"]})
    flags = ", ".join(m["flags"]) or "vector flags unknown"
    return (
        f"`{result['command']}`\n\n{result['date'][:10]}: {m['processor']} (family {m['family']}, model {m['model']}; {flags}), "
        f"{m['cores']} cores, {result['threads']} threads, {m['memory_gib']} GiB, Python {m['python']}. "
        f"{s['passages']:,} passages ({s['characters'] // s['passages']} characters on average) of {s['documents']:,} documents, "
        f"{s['questions']} questions of {s['name']}. {', '.join(own + shared)}."
    )


def systems_table(result: Mapping[str, Any]) -> str:
    lines = [
        "| | passages a second | query p50 ms | p95 ms | start s | peak memory MB | on disk MB | nDCG@10 |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for system in result["systems"]:
        built, times = rates(system), all_times(system)
        cells = [
            named(system),
            f"{rate(system):.1f} ({min(built):.1f} to {max(built):.1f})",
            f"{median(times) * 1000:.1f}",
            f"{p95(times) * 1000:.1f}",
            f"{system['started']:.1f}",
            f"{memory(system):.0f}",
            f"{system['bytes'] / 2**20:.1f}",
            f"{system['nDCG@10']:.4f}",
        ]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def ratio_table(result: Mapping[str, Any]) -> str:
    files, passages, peers = parted(result)
    if not peers:
        return ""
    built, asked = [rates(peer) for peer in peers], [p50s(peer) for peer in peers]
    rows = [
        ("passages a second, from files / fastest peer", spread(against(rates(files), built, max))),
        ("passages a second, from ready passages / fastest peer", spread(against(rates(passages), built, max))),
        ("query p50, fastest peer / ours (vectors and BM25)", spread([1 / r for r in against(p50s(files), asked, min)])),
        ("query p50, fastest peer / ours by vectors alone", spread([1 / r for r in against(p50s(passages), asked, min)])),
        ("peak memory, ours from files / smallest peer", f"{memory(files) / min(map(memory, peers)):.2f}"),
        ("on disk, ours / smallest peer", f"{files['bytes'] / min(peer['bytes'] for peer in peers):.2f}"),
        ("nDCG@10, ours - best peer", f"{files['nDCG@10'] - max(peer['nDCG@10'] for peer in peers):+.4f}"),
        ("nDCG@10, ours by vectors alone - best peer", f"{passages['nDCG@10'] - max(p['nDCG@10'] for p in peers):+.4f}"),
    ]
    head = f"| ratio, median (range) of {len(files['build'])} repetitions | |\n|---|---|\n"
    return head + "\n".join(f"| {what} | {value} |" for what, value in rows)


def pilot_table(result: Mapping[str, Any]) -> str:
    if not result["pilot"]:
        return ""
    lines = ["| pilot | passages a second: as installed / passive | query p50 ms: as installed / passive |", "|---|---|---|"]
    for peer, tried in result["pilot"].items():
        built = " / ".join(f"{figures['passages_per_second']:.1f}" for figures in tried.values())
        asked = " / ".join(f"{figures['query'] * 1000:.1f}" for figures in tried.values())
        lines.append(f"| {NAMES[peer]} | {built} | {asked} |")
    return "\n".join(lines)


def plot(result: Mapping[str, Any]) -> str:
    """A standalone SVG: two bar charts from 0, with lines from the lowest to the highest repetition."""
    systems = result["systems"]
    names = [named(system).replace("*", "") for system in systems]
    height = 40 + 26 * len(systems)
    built = [(rate(system), rates(system)) for system in systems]
    asked = [(1000 * median(all_times(system)), [1000 * value for value in p50s(system)]) for system in systems]
    own = [system["system"].startswith("ours") for system in systems]
    inside = _bars(20, "Passages a second: more is better", names, built, own, "{:.0f}")
    inside += _bars(height + 20, "Milliseconds for a query (p50): less is better", names, asked, own, "{:.1f}")
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 760 {2 * height + 10}" role="img" '
        'aria-label="Ours and the peers: passages embedded a second, and milliseconds for a query" '
        'font-family="system-ui, sans-serif" font-size="13">'
        f'<rect width="100%" height="100%" fill="#ffffff"/>{inside}</svg>\n'
    )


def _bars(
    top: int, title: str, names: Sequence[str], values: Sequence[tuple[float, list[float]]], own: Sequence[bool], form: str
) -> str:
    left, width = 290, 400
    scale = width / (max(max(value, *parts) for value, parts in values) or 1)
    drawn = [f'<text x="20" y="{top + 4}" font-weight="600" fill="#222222">{escape(title)}</text>']
    for number, (name, (value, parts)) in enumerate(zip(names, values, strict=True)):
        y, end = top + 16 + 26 * number, left + scale * max(value, *parts)
        low, high = left + scale * min(parts), left + scale * max(parts)
        colour = "#1f5fa8" if own[number] else "#a3a9b0"
        drawn.append(f'<text x="{left - 8}" y="{y + 13}" text-anchor="end" fill="#222222">{escape(name)}</text>')
        drawn.append(f'<rect x="{left}" y="{y}" width="{scale * value:.1f}" height="18" fill="{colour}"/>')
        drawn.append(f'<line x1="{low:.1f}" x2="{high:.1f}" y1="{y + 9}" y2="{y + 9}" stroke="#222222" stroke-width="2"/>')
        drawn.append(f'<text x="{end + 6:.1f}" y="{y + 13}" fill="#222222">{form.format(value)}</text>')
    return "".join(drawn)
