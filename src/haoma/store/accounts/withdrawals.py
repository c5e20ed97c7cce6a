"""What a platform's message that a user has withdrawn does to the rows of one transaction.

1. A message that was acted on before does nothing. It is remembered for longer than platforms repeat one.
2. Nor does one about a user whom nobody knows.
3. Nor does one that the user has overtaken: it arrives late, and the user has authorized again since. That shows in
   when the login was linked or, if the account has only logins of this app, in when its number was verified.
   `_SLACK_MS` allows for two clocks that differ; (1) covers the same message within that time.
4. ``notify`` only writes an event. Otherwise the consents that the user gave to this app are withdrawn, too.
5. ``erase`` erases the account.
6. ``unlink`` takes the app's logins from the account, and the unionid if no other app of the platform is left. If no
   login would be left, the number is removed instead: an account without a login would keep a number that nobody can
   ask for. The login stays, so that a user who authorizes again has the same account. Sessions end either way.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from haoma.accounts import Erase
from haoma.ids import written
from haoma.link import logins
from haoma.store.accounts.verbs import Verbs
from haoma.store.rows import CONSENTS

if TYPE_CHECKING:
    from haoma.steps import Withdrawn
    from haoma.store.accounts.records import Records
    from haoma.store.rows import Account, Identity
    from haoma.store.view import View

_REMEMBERED_MS: Final = 2 * 86_400_000
_SLACK_MS: Final = 300_000
_BY: Final = "platform"


class Withdrawal:
    """Acts on one message.

    Args:
        records: The rows of accounts.
        step: The step.
    """

    def __init__(self, records: Records, step: Withdrawn) -> None:
        self._records = records
        self._step = step
        self._logins = logins(step.platform, step.app, step.who)

    def decide(self, view: View) -> bool:
        """Act, and return whether anything was done."""
        records, step = self._records, self._step
        # (1)
        if not records.is_first(view, step.app, step.key, _REMEMBERED_MS):
            return False
        # (2)
        known = [found for login in self._logins if (found := records.login(view, login)) is not None]
        row = records.account(view, known[0].account) if known else None
        if row is None:
            return False
        # (3)
        logins_there = records.identities(view, row)
        others = [each for each in logins_there if each.app not in ("", step.app)]
        at = step.at * 1000 + _SLACK_MS
        number = None if others else records.read_number(view, row)
        if all(each.linked_at > at for each in known) or (number is not None and number[1].verified_at > at):
            return False
        # (4)
        if step.action != "notify":
            self._withdraw_consents(view, row)
        done = step.action
        if step.action == "erase":
            # (5)
            Verbs(records).decide(Erase(account=row.place, by=_BY, reason=f"{step.what} withdrawn"), view)
        elif step.action == "unlink":
            # (6)
            done = self._unlink(view, row, logins_there, others)
        facts = {"platform": step.platform, "withdrawn": step.what, "done": done}
        view.audit("withdrawn", _BY, account=written(row.place), app=step.app, **facts)
        records.tell(view, "authorization.withdrawn", row.place, app=step.name, **facts)
        return True

    def _unlink(self, view: View, row: Account, every: list[Identity], others: list[Identity]) -> str:
        records, step = self._records, self._step
        row = records.revoke(view, row)
        if not others:
            records.take_number(view, row)
            return "number-removed"
        here = [each for each in every if each.app == step.app]
        if not any(each.platform == step.platform for each in others):
            here += [each for each in every if not each.app and each.platform == step.platform]
        for each in here:
            row = records.detach(view, row, each)
        return "unlinked"

    def _withdraw_consents(self, view: View, row: Account) -> None:
        for each in view.find(CONSENTS, "account", row.place):
            if each.app == self._step.app and not each.withdrawn_at:
                view.put(CONSENTS, each._replace(version=view.fence(), withdrawn_at=view.now))
