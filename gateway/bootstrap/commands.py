"""What operators ask of the running gateway. Implements `gateway.api.administration.Commands`.

Owns which part of the gateway answers. Must not know how it is asked.
"""

from collections.abc import AsyncIterable, Awaitable, Callable
from uuid import UUID

from gateway.api.administration import FileToSend, HoldWanted, NotSent, Reloaded
from gateway.pipeline.as2.ports import RelationshipSource
from gateway.pipeline.retention import Retention
from gateway.pipeline.service import Pipeline

_NO_RELATIONSHIP = "The partner has no [[as2]] table, is disabled, or its file is faulty: see `gateway lint`."
_REFUSED = "The file cannot be kept: it is empty, too large, or there is no room."


class OperatorCommands:
    """Over the parts of one gateway."""

    def __init__(
        self,
        reload: Callable[[], Awaitable[Reloaded]],
        pipeline: Pipeline,
        source: RelationshipSource,
        retention: Retention,
    ) -> None:
        self._reload = reload
        self._pipeline = pipeline
        self._source = source
        self._retention = retention

    async def reload(self) -> Reloaded:
        """Take over partners, tokens and certificates."""
        return await self._reload()

    async def resubmit(self, id_: UUID, actor: str) -> bool:
        """A message that came, or one of ours."""
        pipeline = self._pipeline
        return await pipeline.engine.resubmit(id_, actor) or await pipeline.courier.resubmit(id_, actor)

    async def send(self, file: FileToSend, body: AsyncIterable[bytes]) -> UUID | NotSent:
        """By the relationship that is named, or the only one."""
        known = self._source.relationships().of_partner(file.partner)
        named = [each for each in known if file.relationship in ("", each.name)]
        if len(named) != 1:
            names = ", ".join(each.name for each in known)
            return NotSent(f"Name one relationship of {file.partner}: {names}." if known else _NO_RELATIONSHIP)
        sent = await self._pipeline.send_file(named[0], body, file.filename, file.content_type, file.actor)
        return sent if isinstance(sent, UUID) else NotSent(_REFUSED)

    async def hold(self, wanted: HoldWanted) -> UUID | None:
        """A legal hold on one message or on all of a partner's."""
        return await self._retention.hold(wanted.subject, wanted.partner, wanted.reason, wanted.actor)

    async def release(self, hold: UUID, actor: str) -> bool:
        """Whether the hold was in force."""
        return await self._retention.release(hold, actor)

    async def expire(self, actor: str) -> list[dict[str, str | int]]:
        """Destroy the keys of what may go."""
        return [{"segment": each.segment, "kept": each.kept_count} for each in await self._retention.run(actor)]
