"""An index of what the chain says of alliances, models, operators and proposals, to search in.

It follows the chain into a database, and can be deleted at any time: what it holds is the set of the
events, however and whenever they were read.
"""

from cairn.catalog._follow import Follower, Sources
from cairn.catalog._queries import PRODUCTION, Catalog
from cairn.catalog._records import (
    Alliance,
    Evaluation,
    ListedModel,
    ListedVersion,
    Move,
    Proposal,
    Provider,
    Sale,
    Vote,
)
from cairn.catalog._rows import model_row, provider_row, version_row
from cairn.catalog._settings import CatalogSettings, open_catalog

__all__ = [
    "PRODUCTION",
    "Alliance",
    "Catalog",
    "CatalogSettings",
    "Evaluation",
    "Follower",
    "ListedModel",
    "ListedVersion",
    "Move",
    "Proposal",
    "Provider",
    "Sale",
    "Sources",
    "Vote",
    "model_row",
    "open_catalog",
    "provider_row",
    "version_row",
]
