"""Stage generation-page: what was found of personal generation, on one page."""

from prefactor import layout
from prefactor.parameters import load_parameters, section
from prefactor.reading import read_object
from prefactor.reporting.generation import GenerationReport, write_page
from stages.running import run


def generation_page(model: str) -> None:
    """Write index.html from what the other stages of generation left.

    Texts are on it if examples are asked for and the dataset's source is one whose texts are nobody's own words.
    """
    parameters, folder = section(load_parameters(), "generation"), layout.generation(model)
    dataset = parameters["datasets"][0]
    folders = (layout.personal_scores(model), folder / "judged", folder / "speed")
    source = str(read_object(layout.prepared(dataset) / "source.json").get("name", ""))
    report = GenerationReport.read(dataset, *folders, source=source)
    write_page(folder / "index.html", report, examples=int(parameters["examples"]))
    print(f"the page is {folder / 'index.html'}")


if __name__ == "__main__":
    run(generation_page)
