"""Files with evidence for claims."""

from amends.domain.claim.claim import Evidence
from amends.ledger.home_files import HomeFiles
from amends.ledger.tables.claim import ClaimFileRow


class ClaimEvidence(HomeFiles[Evidence]):
    """The files that people added to their claims."""

    row, value, of = ClaimFileRow, Evidence, "claim"
    noun, opened_as = "evidence", "evidence opened"
    listed_by = "amends claims show {} CLAIM"
