"""The topics of stylebench: what people ask about, one file each."""

from prefactor.datasets.stylebench.topics.cooking import COOKING
from prefactor.datasets.stylebench.topics.finance import FINANCE
from prefactor.datasets.stylebench.topics.health import HEALTH
from prefactor.datasets.stylebench.topics.home_repair import HOME_REPAIR
from prefactor.datasets.stylebench.topics.learning import LEARNING
from prefactor.datasets.stylebench.topics.parenting import PARENTING
from prefactor.datasets.stylebench.topics.pets import PETS
from prefactor.datasets.stylebench.topics.programming import PROGRAMMING
from prefactor.datasets.stylebench.topics.relationships import RELATIONSHIPS
from prefactor.datasets.stylebench.topics.science import SCIENCE
from prefactor.datasets.stylebench.topics.topic import Subject, Topic
from prefactor.datasets.stylebench.topics.travel import TRAVEL
from prefactor.datasets.stylebench.topics.work import WORK

TOPICS: tuple[Topic, ...] = (
    COOKING,
    TRAVEL,
    HEALTH,
    FINANCE,
    PROGRAMMING,
    HOME_REPAIR,
    PARENTING,
    LEARNING,
    PETS,
    WORK,
    RELATIONSHIPS,
    SCIENCE,
)
CONTEXTS: tuple[str, ...] = tuple(sorted({topic.context for topic in TOPICS}))  # topic groups, in a fixed order

__all__ = ["CONTEXTS", "TOPICS", "Subject", "Topic"]
