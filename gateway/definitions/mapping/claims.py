"""Which slots of the guide the rules of one element tree take: no slot may be taken twice.

A later rule may name a slot again where an earlier one holds it only under conditions ("NM1[08=XX]09", then
"NM109"): order is priority. It may not where the earlier rule always wins.
"""

from dataclasses import dataclass, field

from gateway.definitions.guides.model import Segment
from gateway.definitions.mapping.paths import Condition
from gateway.definitions.mapping.places import GuidePlaces


@dataclass(frozen=True, slots=True)
class _Claim:
    name: str
    conditions: tuple[Condition, ...]


@dataclass(slots=True)
class Claims:
    """Claims by segment of the guide, element and component.

    The segments of one `each` share a `Claims` of their own: it meets only segments that no other rule took.
    """

    places: GuidePlaces
    taken: dict[tuple[int, int, int], list[_Claim]] = field(default_factory=dict)

    def take(
        self, name: str, segments: tuple[Segment, ...], element: int, component: int, conditions: tuple[Condition, ...]
    ) -> str | None:
        """Note a claim; the name of the rule that always takes the slot before this one, else None."""
        earlier: str | None = None
        is_free = False
        for segment in segments:
            claims = self.taken.setdefault((segment.index, element, component), [])
            winner = next((claim.name for claim in claims if self._wins(claim, segment, conditions)), None)
            earlier = earlier or winner
            is_free = is_free or winner is None
            claims.append(_Claim(name, conditions))
        return None if is_free else earlier

    def _wins(self, claim: _Claim, segment: Segment, later: tuple[Condition, ...]) -> bool:
        return all(
            self.places.implies(segment, on)
            or any(
                (other.element, other.component) == (on.element, on.component) and set(other.any_of) <= set(on.any_of)
                for other in later
            )
            for on in claim.conditions
        )
