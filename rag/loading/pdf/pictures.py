"""Images (photographs and scans) to blocks with their pages, by the program `tesseract`."""

from rag.errors import UnreadableFile
from rag.loading.blocks import ParsedFile
from rag.loading.pdf import extraction
from rag.loading.pdf.ocr import advice, can_run, pdf_of_image


def read(data: bytes) -> ParsedFile:
    if not can_run("tesseract"):
        raise UnreadableFile(f"it is an image; {advice('tesseract')}")
    return extraction.read(pdf_of_image(data))
