"""The `[[agreement]]` tables of one partner's file, to agreements.

Owns what an agreement's keys mean together. Must not know other partners, nor how an agreement is chosen.
"""

from pathlib import Path

from gateway.definitions import programs
from gateway.definitions.partners.form import AcknowledgeForm, AgreementForm, PartnerForm
from gateway.definitions.positions import DefinitionError, Fault, TomlDocument
from gateway.formats.x12.acknowledge import AckPolicy
from gateway.formats.x12.segments import Delimiters
from gateway.pipeline.agreements import AgreedGuide, Agreement, Identity, Limits, UsageIndicator

_DAY_S = 86_400


class AgreementReader:
    """The `[[agreement]]` tables of one file; collects faults."""

    def __init__(
        self, document: TomlDocument, partner_id: str, form: PartnerForm, folder: Path, ours: frozenset[Identity]
    ) -> None:
        self.document = document
        self.partner_id = partner_id
        self.identities = frozenset(entry.identity() for entry in form.identity)
        self.folder = folder
        self.ours = ours
        self.faults: list[Fault] = []
        self._names: set[str] = set()

    def agreement(self, number: int, entry: AgreementForm) -> Agreement:
        """One agreement; not to be used where `faults` is not empty."""
        if entry.name in self._names:
            self._fault(number, "name", f"{entry.name} is there twice")
        self._names.add(entry.name)
        senders = self.identities
        if entry.senders is not None:
            senders = frozenset(one.identity() for one in entry.senders)
            if not senders or not senders <= self.identities:
                self._fault(number, "senders", "names what is no identity of this partner")
        receivers = self.ours
        if entry.receivers is not None:
            receivers = frozenset(one.identity() for one in entry.receivers)
        if not receivers:
            self._fault(number, "receivers", "is missing, and the settings name no identity of ours")
        guides = self._guides(number, entry)
        return Agreement(
            partner=self.partner_id,
            name=entry.name,
            usage=UsageIndicator.PRODUCTION if entry.usage == "production" else UsageIndicator.TEST,
            senders=senders,
            receivers=receivers,
            applications=frozenset(code.rstrip() for code in entry.applications),
            our_applications=frozenset(code.rstrip() for code in entry.our_applications),
            guides=guides,
            mode=entry.mode,
            deadline_s=entry.deadline_s,
            acknowledgements=_policy(entry.acknowledge),
            unit=entry.unit,
            duplicate_window_s=entry.duplicate_window_days * _DAY_S,
            is_ordered=entry.ordered,
            character_set=entry.character_set,
            limits=Limits(entry.limits.size_bytes),
            rule_files=self._rules(number, entry, guides),
        )

    def _guides(self, number: int, entry: AgreementForm) -> frozenset[AgreedGuide]:
        known = {f"{guide.transaction_set} {guide.version}": guide for guide in programs.catalogue()}
        found: list[AgreedGuide] = []
        for at, text in enumerate(entry.guides):
            guide = known.get(" ".join(text.split()))
            if guide is None:
                self.faults.append(
                    self.document.fault(
                        ("agreement", number, "guides", at),
                        f"{text} is no guide that we have; it is written as `837 005010X222A1`",
                    )
                )
            else:
                found.append(AgreedGuide(guide.functional_group, guide.version, guide.transaction_set))
        return frozenset(found)

    def _rules(
        self, number: int, entry: AgreementForm, guides: frozenset[AgreedGuide]
    ) -> tuple[tuple[str, tuple[str, ...]], ...]:
        """Companion guides; compiled here, so that a fault shows at load and not at the first message."""
        rules: list[tuple[str, tuple[str, ...]]] = []
        for version, files in entry.rules.items():
            sets = [guide.transaction_set for guide in guides if guide.version == version]
            if not sets:
                self._fault(number, "rules", f"{version} is not among the guides of this agreement")
                continue
            paths = tuple(self.folder / file for file in files)
            try:
                for transaction_set in sets:
                    programs.program(version, transaction_set, mapped=True, partner_rules=paths)
            except DefinitionError as error:
                self.faults.extend(error.faults)
            except OSError as error:
                self._fault(number, "rules", f"{error.filename} cannot be read: {error.strerror}")
            rules.append((version, tuple(str(path) for path in paths)))
        return tuple(rules)

    def _fault(self, number: int, key: str, message: str) -> None:
        self.faults.append(self.document.fault(("agreement", number, key), message))


def _policy(form: AcknowledgeForm) -> AckPolicy:
    return AckPolicy(
        functional=form.functional,
        interchange=form.interchange,
        place=form.place,
        functional_version=form.functional_version,
        report_warnings=form.report_warnings,
        copy_bad_data=form.copy_bad_data,
        delimiters=None if form.delimiters is None else Delimiters(*form.delimiters),
        line_end=form.line_end,
    )
