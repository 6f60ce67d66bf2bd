"""The concepts of assisted living, and what every dataset's labels mean in terms of them.

>>> from har.taxonomy import load_crosswalk
>>> crosswalk = load_crosswalk(datasets_root())
>>> crosswalk.admissible_leaves("ntu60", "drink water")
frozenset({'drinking_from_bottle', 'drinking_from_can', ...})
"""

from har.taxonomy.concept import Concept
from har.taxonomy.crosswalk import Crosswalk, MappedLabel, load_crosswalk
from har.taxonomy.mapping import DatasetMapping, LabelMapping
from har.taxonomy.taxonomy import Taxonomy, load_taxonomy

__all__ = [
    "Concept",
    "Crosswalk",
    "DatasetMapping",
    "LabelMapping",
    "MappedLabel",
    "Taxonomy",
    "load_crosswalk",
    "load_taxonomy",
]
