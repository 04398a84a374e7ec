"""Stage personal-adapters: a reward model and a policy for each of a few users, trained on nothing but their pairs."""

from prefactor.decoding.adapters.scorer import AdapterScorer
from prefactor.decoding.workshop import Workshop
from stages.running import run
from stages.workshops import adapted, open_workshop


def personal_adapters(model: str) -> None:
    """Train what is not there yet, and leave what each makes of its user's evaluation pairs: a killed run goes on."""
    workshop = open_workshop(model)
    for trained in (workshop.lora_reward(), workshop.dpo()):
        _train(workshop, trained)


def _train(workshop: Workshop, trained: AdapterScorer) -> None:
    cohort = adapted(workshop)
    trained(cohort.known(workshop.parameters.pairs), cohort.to_predict("evaluation"))


if __name__ == "__main__":
    run(personal_adapters)
