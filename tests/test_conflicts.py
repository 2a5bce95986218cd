"""Pairs of sentences that contradict each other, and pairs that only look as if they did."""

import pytest

from rag.conflicts.comparing import difference

CONFLICTS = [
    # kind, one, the other, the differing words
    ("number", "Refunds are paid within 60 days of the purchase.", "Refunds are paid within 30 days of the purchase.", "60 days", "30 days"),
    ("number", "The pump weighs 3 kg without its case.", "The pump weighs 3.6 kg without its case.", "3 kg", "3.6 kg"),
    ("number", "Nerves regrow about 1 mm a day in adults.", "Nerves regrow 3 mm per day in adults.", "about 1 mm a day", "3 mm per day"),
    ("number", "Three nurses work on the ward at night.", "Four nurses work on the ward at night.", "Three", "Four"),
    ("number", "The trial enrolled 1,200 patients with neuropathy.", "The trial enrolled 2,100 patients with neuropathy.", "1,200", "2,100"),
    ("number", "At least 5 members must sign the petition.", "At least 7 members must sign the petition.", "At least 5", "At least 7"),
    ("number", "Recovery takes 3 to 5 weeks after the operation.", "Recovery takes 6–8 weeks after the operation.", "3 to 5 weeks", "6–8 weeks"),
    ("number", "Half of the patients recovered fully.", "80% of the patients recovered fully.", "Half", "80%"),
    ("number", "Within two weeks the fibres degenerate completely.", "The fibres degenerate completely within three weeks.", "two weeks", "three weeks"),
    ("number", "As noted above, the tank holds 40 litres of water.", "The tank holds 60 litres of water.", "40 litres", "60 litres"),
    ("unit", "A dose of 5 mg of toxin is injected.", "A dose of 5 g of toxin is injected.", "5 mg", "5 g"),
    ("unit", "The cable between the units is 30 m long.", "The cable between the units is 30 cm long.", "30 m", "30 cm"),
    ("unit", "The warranty for the engine lasts two years.", "The warranty for the engine lasts two months.", "two years", "two months"),
    ("date", "The clinic opened its doors in 2019.", "The clinic opened its doors in 2018.", "2019", "2018"),
    ("date", "Applications close on 5 March 2024 at the office.", "Applications at the office close on 15 March 2024.", "5 March 2024", "15 March 2024"),
    ("date", "The library is closed on Mondays.", "The library is closed on Tuesdays.", "Mondays", "Tuesdays"),
    ("date", "The museum shop opens at 9:30 every morning.", "The museum shop opens at 10 am every morning.", "9:30", "10 am"),
    ("name", "The degeneration of cut fibres was described by Waller.", "The degeneration of cut fibres was described by Seddon.", "Waller", "Seddon"),
    ("name", "The treasurer of the club is Anna Smith.", "The treasurer of the club is Ben Jones.", "Anna Smith", "Ben Jones"),
    ("name", "The award ceremony was held in Ulm.", "The award ceremony was held in Basel.", "Ulm", "Basel"),
    ("negation", "The drug prevents atrophy of the muscle.", "The drug does not prevent atrophy of the muscle.", "", "not"),
    ("negation", "Dogs are allowed in the garden.", "Dogs are not allowed in the garden.", "", "not"),
    ("negation", "Dogs are allowed in the garden.", "Dogs are forbidden in the garden.", "allowed", "forbidden"),
    ("negation", "Full recovery is possible after crush injuries.", "Full recovery is impossible after crush injuries.", "possible", "impossible"),
    ("negation", "There is a cure for the hereditary form.", "There is no cure for the hereditary form.", "", "no"),
    ("negation", "The filter can be washed in warm water.", "The filter cannot be washed in warm water.", "", "cannot"),
    ("negation", "Patients should drive while taking the drug.", "Patients shouldn't drive while taking the drug.", "", "shouldn't"),
    ("number", "Under the rule, visitors pay 40 euros a night.", "Under the regulation, visitors pay 50 euros a night.", "40 euros", "50 euros"),
]  # fmt: skip

NO_CONFLICTS = [
    # different things with different numbers
    ("The P20 weighs 3 kg.", "The P35 weighs 5 kg."),
    ("The P20 pump is delivered with a case.", "The P35 pump is delivered with a case."),
    ("Children take 5 mg of the drug daily.", "Adults take 10 mg of the drug daily."),
    ("The upper limit of the pressure is 10 bar.", "The lower limit of the pressure is 5 bar."),
    ("The lawn mower costs 300 euros in the shop.", "The hedge cutter costs 120 euros in the shop."),
    ("The warranty of the pump lasts 24 months.", "The warranty of the pump for batteries lasts 12 months."),
    ("The left motor turns at 300 Hz.", "The right motor turns at 500 Hz."),
    ("Grade 2 injuries heal within 12 weeks.", "Grade 3 injuries heal within 30 weeks."),
    ("Room 12 is on the second floor.", "Room 14 is on the second floor."),
    ("Figure 3 shows the regrowth of the nerve.", "Figure 4 shows the regrowth of the nerve."),
    ("The Brisa 300 has a tank of glass.", "The Brisa 500 has a tank of glass."),
    ("Ulm has 126,000 inhabitants at present.", "Basel has 178,000 inhabitants at present."),
    ("If a child weighs 10 kg, give 5 ml of the syrup.", "If a child weighs 20 kg, give 10 ml of the syrup."),
    ("The first trial had 40 patients with lesions.", "The second trial had 70 patients with lesions."),
    ("Before the operation patients fast for 6 hours.", "After the operation patients fast for 2 hours."),
    ("Anna Smith attended the meeting of the board.", "Ben Jones attended the meeting of the board."),
    # time series
    ("In 2023 the rate was 12%.", "In 2024 the rate was 14%."),
    ("In 2023, sales of bread rose.", "In 2024, sales of bread rose."),
    ("Sales of bread reached 12 million euros in 2023.", "Sales of bread reached 14 million euros in 2024."),
    ("On Monday the office is open until noon.", "On Tuesday the office is open until noon."),
    ("By week 4 most fibres have degenerated.", "By week 8 most fibres have degenerated."),
    # currency statements of versions
    ("Valid from 1 January 2025.", "Valid from 1 January 2023."),
    ("Valid from 2025", "Valid from 2023"),
    ("Last updated on 3 May 2024.", "Last updated on 7 June 2023."),
    ("Version 2 of these terms was published in 2024.", "Version 1 of these terms was published in 2022."),
    # the same in other words, units and notations
    ("A dose of 1 g of toxin is injected.", "A dose of 1000 mg of toxin is injected."),
    ("The sample contained 1,5 mg of iron.", "The sample contained 1.5 mg of iron."),
    ("The trial enrolled 1,200 patients with neuropathy.", "The trial enrolled 1200 patients with neuropathy."),
    ("Growth in mice takes two weeks.", "Growth in mice takes 14 days."),
    ("Half of the patients recovered fully.", "50% of the patients recovered fully."),
    ("Twenty-five percent of nerves regrow by themselves.", "25 % of nerves regrow by themselves."),
    ("Recovery takes 3 to 5 weeks after the operation.", "Recovery takes between 3 and 5 weeks after the operation."),
    ("Recovery takes 3 to 5 weeks after the operation.", "Recovery takes 4 weeks after the operation."),
    ("At least 5 members must sign the petition.", "Eight members must sign the petition."),
    ("Applications close on 5 March 2024 at the office.", "Applications close on 2024-03-05 at the office."),
    ("Applications close on 5 March 2024 at the office.", "Applications close on March 5, 2024 at the office."),
    ("Applications close on 5 March 2024 at the office.", "Applications close in March 2024 at the office."),
    ("The museum shop opens at 9:30 every morning.", "The museum shop opens at 9.30 am every morning."),
    ("The tablet is taken three times a day with water.", "The tablet is taken three times daily with water."),
    ("The room is heated to 20 °C in winter.", "The room is heated to 68 °F in winter."),
    ("The trail is 5 miles long from end to end.", "The trail is 8 km long from end to end."),
    ("The town has about 60,000 inhabitants today.", "The town has 61,300 inhabitants today."),
    ("The contract runs for 12 months from signature.", "The contract runs for one year from signature."),
    ("Dogs are not allowed in the garden.", "Dogs are forbidden in the garden."),
    ("Full recovery is not possible after crush injuries.", "Full recovery is impossible after crush injuries."),
    ("The fee is 60 euros for members.", "The fee is €60 for members."),
    ("Two thirds of the water is held in cells.", "2 thirds of the water is held in cells."),
    ("Treatments are found for disorders such as Gout.", "Treatments are found for disorders such as Lupus."),
    # conditions, steps, questions, quotations of other things
    ("If the lamp is on, press the reset button.", "If the lamp is not on, press the reset button."),
    ("Step 1: hold the button for 3 seconds.", "Step 2: hold the button for 5 seconds."),
    ("How long is the warranty of the pump, 24 months?", "How long is the warranty of the pump, 12 months?"),
    ("Patients without pain recover in weeks.", "Patients with pain recover in weeks."),
    ("The drug is not only cheap but effective.", "The drug is cheap but effective."),
    ("The tank holds 40 litres of water.", "The tank holds water."),
    ("The pump weighs 3 kg without its case.", "The pump weighs 3.4 kg without its case."),  # rounded
]  # fmt: skip


@pytest.mark.parametrize(("kind", "one", "other", "differing", "from_other"), CONFLICTS)
def test_conflicts_are_found_with_their_kind_and_words(kind: str, one: str, other: str, differing: str, from_other: str) -> None:
    found = difference(one, other)
    assert found is not None
    assert found.kind == kind
    assert " ".join(span.of(one) for span in found.first) == differing
    assert " ".join(span.of(other) for span in found.second) == from_other
    mirrored = difference(other, one)
    assert mirrored is not None
    assert (mirrored.kind, mirrored.first, mirrored.second) == (kind, found.second, found.first)


@pytest.mark.parametrize(("one", "other"), NO_CONFLICTS)
def test_what_only_looks_like_a_conflict_is_none(one: str, other: str) -> None:
    assert difference(one, other) is None
    assert difference(other, one) is None


@pytest.mark.parametrize(("_kind", "one", "other", "_first", "_second"), CONFLICTS)
def test_a_sentence_does_not_contradict_itself(_kind: str, one: str, other: str, _first: str, _second: str) -> None:
    assert difference(one, one) is None
    assert difference(other, other) is None
