"""The clients: `Client` for threads and `AsyncClient` for event loops. Both run the same flows.

::

    with haoma.Client.from_file("haoma.toml") as client:
        phone = client.get_phone_number("shop", request.body)

Create one client and share it between threads and event loops: it holds the access tokens and the memory of used
codes. A forked process starts with a copy of that state. Later changes are not shared between the processes.
"""

from __future__ import annotations

import os
import threading
import traceback
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Self, TypeAlias, TypeVar

from haoma.accounts import with_user
from haoma.authorize import authorize
from haoma.authorize import log_in as log_in_flow
from haoma.errors import ConfigFaults, Fault, HaomaError, InternalFault, NoAccounts, wrong_argument
from haoma.io import aio, blocking, clock
from haoma.io.clients import Clients
from haoma.io.http import AsyncHttp, Http, Limits
from haoma.io.memory import Memory
from haoma.io.process import PerProcess, interruption, is_ours, one_of_many
from haoma.platforms.base.contract import App
from haoma.platforms.registry import PLATFORMS
from haoma.settings.model import HaomaWarning, ServiceSettings, Settings, no_such_app
from haoma.settings.reader import compare, load
from haoma.steps import DEFAULT_TENANT
from haoma.store.config import MEMORY
from haoma.store.keys.unwrapping import account_keys
from haoma.store.opening import open_store

if TYPE_CHECKING:
    from collections.abc import Iterable
    from types import TracebackType

    from haoma.accounts import OnVerified
    from haoma.platforms.base.contract import Login
    from haoma.steps import Flow, Notice
    from haoma.store.config import StoreSettings
    from haoma.store.keys.config import AccountKeys
    from haoma.store.store import Store
    from haoma.verified import Subject, VerifiedPhone

T = TypeVar("T")

Sent: TypeAlias = "str | bytes | Mapping[str, Any]"
"""The body that the front end sent: text, bytes or the parsed object."""


@dataclass(frozen=True, slots=True)
class Session:
    """A stored login.

    Attributes:
        handle: An opaque handle. Give it to the front end, which sends it back as ``session`` with the authorization.
            It expires after ``session_seconds``.
        subject: Who logged in.
        app: Name of the app.
    """

    handle: str = field(repr=False)
    subject: Subject
    app: str


class _Base:
    """The part that both clients share: the apps, and the flow for each call.

    Attributes:
        apps: The apps by name.
        clients: The addresses of users.
    """

    def __init__(
        self,
        apps: Settings | App | Iterable[App],
        *,
        limits: Limits | None,
        memory: Memory | None,
        on_verified: OnVerified | None,
    ) -> None:
        self._stored: tuple[StoreSettings, AccountKeys | None] | None = None
        self._tells = False
        if isinstance(apps, Settings):
            self.apps = apps.apps
            if memory is None and not apps.store.embedded and apps.store.kind != MEMORY:
                keys = None if apps.accounts is None else account_keys(apps.accounts)
                self._stored = apps.store, keys
                self._tells = apps.webhooks is not None
            self._insecure = apps.allow_insecure_upstreams
            ca_file = apps.ca_file
        else:
            listed = self._listed(apps)
            _check_together(listed)
            self.apps = MappingProxyType({app.name: app for app in listed})
            # Plain http was permitted when the app was configured; otherwise it would have no such address.
            self._insecure = any(
                url.startswith("http://") and url != app.sidecar for app in listed for url in app.upstreams
            )
            ca_file = None
        # A framework of yours is in the place of the service, so these settings of the service hold here too.
        service = apps.service if isinstance(apps, Settings) else ServiceSettings()
        self.clients = Clients(service.trusted_proxies, service.refused_limit, service.refused_seconds)
        if on_verified is not None and (self._stored is None or self._stored[1] is None):
            raise NoAccounts(because={"argument": "on_verified"})
        self._on_verified = on_verified
        self._known = dict(self.apps)
        self._one_by_one = PerProcess(lambda _before: threading.RLock())
        self._memory = memory or Memory()
        self._stores: dict[str, Store] = {}
        if self._stored is not None:
            self._store_of(DEFAULT_TENANT)  # a driver that is not installed is told of at once
        self._process = PerProcess(self._begin_process)
        self._http_options: dict[str, Any] = {
            "limits": limits or Limits(),
            "ca_file": ca_file,
            "allow_insecure_upstreams": self._insecure,
        }

    def _begin_process(self, before: bool | None) -> bool:  # noqa: FBT001
        """Warn once per process if other processes do the same work with a separate memory."""
        among = "fork" if before is not None else one_of_many()
        # Only codes and session_keys must be remembered. A platform with an offline way uses signed envelopes instead.
        remembers = any(PLATFORMS[app.platform].find_offline is None for app in self.apps.values())
        if among and remembers and self._stored is None and not self._memory.shared:
            fault = Fault("config.memory-not-shared", "", warning=True, because={"found": among})
            warnings.warn(str(fault), HaomaWarning, stacklevel=4)
        return True

    def _store_of(self, tenant: str) -> Store | None:
        """Return the store of a tenant, or None if there is no store."""
        if self._stored is None:
            return None
        store = self._stores.get(tenant)
        if store is None:
            with self._one_by_one.get():
                store = self._stores.get(tenant) or open_store(*self._stored, tenant, tells=self._tells)
                assert store is not None  # noqa: S101 - memory alone has no `_stored`
                self._stores[tenant] = store
        return store

    def _listed(self, apps: object) -> list[App]:
        """Return the apps given as the client's first argument.

        Raises:
            WrongArgument: ``config.wrong-argument``.
        """
        if isinstance(apps, App):
            return [apps]
        name = type(self).__name__
        if isinstance(apps, str | os.PathLike):
            raise wrong_argument("apps", apps, f'{name}.from_file("haoma.toml")')
        try:
            listed: list[Any] = list(apps)  # type: ignore[call-overload]
        except TypeError:
            listed = [apps]
        for each in [apps] if isinstance(apps, Mapping) else listed:
            if not isinstance(each, App):
                instead = f"{name}(haoma.load(…)) or {name}([haoma.configure(…), …])"
                raise wrong_argument("apps", each, instead)
        return listed

    def _app(self, app: object, sent: object) -> App:
        if isinstance(app, App):
            return self._app_from_outside(app)
        if not isinstance(app, str) or (app[:1] in ("{", '"', "%") and isinstance(sent, str) and sent in self.apps):
            raise wrong_argument("app", app, "the name of an app first, then what the front end sent")
        found = self.apps.get(app)
        if found is None:
            raise no_such_app(app, self.apps)
        return found

    def _app_from_outside(self, app: App) -> App:
        """Return ``app``. One that this client has not seen before is first checked against its other apps."""
        if self._known.get(app.name) is app:
            return app
        with self._one_by_one.get():
            known = self._known.get(app.name)
            renewed = known is not None and known.scope == app.scope
            _check_together([*(each for each in self._known.values() if not (renewed and each is known)), app])
            self._known[app.name] = app
        return app

    def _get(self, app: App, sent: Sent, login_code: str | None, caller: str, address: str) -> Flow[VerifiedPhone]:
        flow = authorize(app, sent, now=clock.now(), caller=caller, login_code=login_code)
        flow = self.clients.within_budget(flow, address)
        return flow if self._on_verified is None else with_user(flow, self._on_verified, by=caller)

    def _log_in(self, app: App, login_code: str) -> Flow[tuple[str, Login]]:
        if not isinstance(login_code, str):
            raise wrong_argument("login_code", login_code, "the code of login() itself, a text")
        return log_in_flow(app, {"login_code": login_code}, now=clock.now())


def _warn(notice: Notice) -> None:
    warnings.warn(str(Fault(notice.code, "", warning=True, because=dict(notice.because))), HaomaWarning, stacklevel=4)


def _check_together(apps: list[App]) -> None:
    """Refuse apps that must not share a process; warn about those that should not.

    Raises:
        ConfigFaults: ``config.faults``.
    """
    faults = compare(apps)
    if any(not fault.warning for fault in faults):
        raise ConfigFaults(faults)
    for warning in faults:
        warnings.warn(str(warning), HaomaWarning, stacklevel=5)


def _only_ours(error: Exception) -> BaseException:
    """Return the exception to raise in place of ``error``, outside any ``except`` block.

    One of our errors is returned without its traceback: an error tracker reports the local variables of the frames, and
    they hold codes, keys and decrypted messages. A bug of ours becomes an `InternalFault` that names the place but not
    the message, which may quote the input. An exception of the application, such as one raised by a signal handler, is
    returned unchanged, even if our code caught it and mistook it for invalid input.
    """
    if (cause := interruption(error)) is not None:
        return cause
    if isinstance(error, HaomaError):
        return error.again()
    if not is_ours(error):
        return error
    last = traceback.extract_tb(error.__traceback__)[-1]
    return InternalFault(diagnosis=f"{type(error).__name__} in {Path(last.filename).name}:{last.lineno}")


class Client(_Base):
    """A client that works in the calling thread. Any number of threads may share it.

    Args:
        apps: Settings from `haoma.load`, or apps from `haoma.configure`.
        limits: Time limits for requests to a platform, and the size limit for its replies.
        memory: State kept between calls. Several clients may share one.
        on_verified: Called after a number was linked to an account, with the number and how it was linked. Returns the
            application's own id of the user, which is noted with the account and is the result's ``user``. The same
            answer again calls it again.
    """

    def __init__(
        self,
        apps: Settings | App | Iterable[App],
        *,
        limits: Limits | None = None,
        memory: Memory | None = None,
        on_verified: OnVerified | None = None,
    ) -> None:
        super().__init__(apps, limits=limits, memory=memory, on_verified=on_verified)
        self._http = Http(**self._http_options)
        self._worlds: dict[str, blocking.World] = {}

    @classmethod
    def from_file(cls, path: str | os.PathLike[str] = "haoma.toml", *, on_verified: OnVerified | None = None) -> Self:
        """Return a client for the apps of a ``haoma.toml``. Warnings are issued as `HaomaWarning`.

        Raises:
            ConfigFaults: ``config.faults``: lists all faults of the file.
            NoAccounts: ``link.no-accounts``: there is an ``on_verified``, but accounts are not kept.
        """
        settings = load(path)
        settings.give_warnings(stacklevel=3)
        return cls(settings, on_verified=on_verified)

    def _world(self, tenant: str) -> blocking.World:
        world = self._worlds.get(tenant)
        if world is None:
            world = self._worlds[tenant] = blocking.World(self._http, self._store_of(tenant) or self._memory, _warn)
        return world

    def run(self, flow: Flow[T], *, tenant: str = DEFAULT_TENANT) -> T:
        """Run a flow: a verb of `haoma.accounts`, or a platform's, such as ``haoma.platforms.wechat.usage.usage(app)``.

        Args:
            flow: The flow.
            tenant: Whose accounts it is about.

        Raises:
            HaomaError: Every failure raises a subclass of this.
        """
        self._process.get()
        try:
            return blocking.run(flow, self._world(tenant))
        except Exception as error:  # noqa: BLE001 - _only_ours sorts out every kind
            failure = _only_ours(error)
        raise failure

    def get_phone_number(
        self, app: str | App, body: Sent, *, login_code: str | None = None, caller: str = "", address: str = ""
    ) -> VerifiedPhone:
        """Turn what the front end sent into a verified phone number.

        Args:
            app: Name of a configured app, or the app.
            body: Exactly what the front end sent: text, bytes or the parsed object.
            login_code: The code of ``login()``, if it was sent separately from the authorization.
            caller: Identifies who asks. For ``repeat_seconds``, only the same caller gets the same answer again for the
                same authorization.
            address: The client's address, as ``client.clients.address`` returns it. After ``refused_limit`` codes that
                a platform refused, it has to wait. Empty if it does not count.

        Raises:
            HaomaError: Every failure raises a subclass of this, whatever was sent.
        """
        self._process.get()
        try:
            found = self._app(app, body)
            return blocking.run(self._get(found, body, login_code, caller, address), self._world(found.tenant))
        except Exception as error:  # noqa: BLE001 - _only_ours sorts out every kind
            failure = _only_ours(error)
        del body, login_code  # what reports errors shows the variables of each frame
        raise failure

    def log_in(self, app: str | App, login_code: str) -> Session:
        """Exchange a login code, store the login and return its handle.

        Args:
            app: Name of a configured app, or the app.
            login_code: The code from ``login()``, such as ``wx.login``.

        Raises:
            HaomaError: Every failure raises a subclass of this.
        """
        self._process.get()
        try:
            found = self._app(app, login_code)
            handle, login = blocking.run(self._log_in(found, login_code), self._world(found.tenant))
            return Session(handle, login.subject, login.app)
        except Exception as error:  # noqa: BLE001 - _only_ours sorts out every kind
            failure = _only_ours(error)
        del login_code
        raise failure

    def close(self) -> None:
        """Close the connection of this process to the store, if there is one. A request closes its own."""
        for store in self._stores.values():
            store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _traceback: TracebackType | None
    ) -> None:
        self.close()


class AsyncClient(_Base):
    """An asynchronous client. Any number of event loops may share it.

    If the task of a call is cancelled, the call finishes in the background, because a code that was sent is used up.
    Sending the same request again returns its number.

    Args:
        apps: Settings from `haoma.load`, or apps from `haoma.configure`.
        limits: Time limits for requests to a platform, and the size limit for its replies.
        memory: State kept between calls. Several clients may share one.
        on_verified: Called after a number was linked to an account, with the number and how it was linked. Returns the
            application's own id of the user, which is noted with the account and is the result's ``user``. The same
            answer again calls it again.
    """

    def __init__(
        self,
        apps: Settings | App | Iterable[App],
        *,
        limits: Limits | None = None,
        memory: Memory | None = None,
        on_verified: OnVerified | None = None,
    ) -> None:
        super().__init__(apps, limits=limits, memory=memory, on_verified=on_verified)
        self._http = AsyncHttp(**self._http_options)
        self._worlds: dict[str, aio.World] = {}

    @classmethod
    def from_file(cls, path: str | os.PathLike[str] = "haoma.toml", *, on_verified: OnVerified | None = None) -> Self:
        """Return a client for the apps of a ``haoma.toml``. Warnings are issued as `HaomaWarning`.

        Raises:
            ConfigFaults: ``config.faults``: lists all faults of the file.
            NoAccounts: ``link.no-accounts``: there is an ``on_verified``, but accounts are not kept.
        """
        settings = load(path)
        settings.give_warnings(stacklevel=3)
        return cls(settings, on_verified=on_verified)

    def _world(self, tenant: str) -> aio.World:
        world = self._worlds.get(tenant)
        if world is None:
            store = self._store_of(tenant)
            answers = self._memory if store is None else store.asynchronous()
            world = self._worlds[tenant] = aio.World(self._http, answers, _warn)
        return world

    async def run(self, flow: Flow[T], *, tenant: str = DEFAULT_TENANT) -> T:
        """Run a flow; see `Client.run`.

        Raises:
            HaomaError: Every failure raises a subclass of this.
        """
        self._process.get()
        try:
            return await aio.run(flow, self._world(tenant))
        except Exception as error:  # noqa: BLE001 - _only_ours sorts out every kind
            failure = _only_ours(error)
        raise failure

    async def get_phone_number(
        self, app: str | App, body: Sent, *, login_code: str | None = None, caller: str = "", address: str = ""
    ) -> VerifiedPhone:
        """Turn what the front end sent into a verified phone number; see `Client.get_phone_number`.

        Raises:
            HaomaError: Every failure raises a subclass of this, whatever was sent.
        """
        self._process.get()
        try:
            found = self._app(app, body)
            return await aio.run(self._get(found, body, login_code, caller, address), self._world(found.tenant))
        except Exception as error:  # noqa: BLE001 - _only_ours sorts out every kind
            failure = _only_ours(error)
        del body, login_code
        raise failure

    async def log_in(self, app: str | App, login_code: str) -> Session:
        """Exchange a login code, store the login and return its handle.

        Args:
            app: Name of a configured app, or the app.
            login_code: The code from ``login()``, such as ``wx.login``.

        Raises:
            HaomaError: Every failure raises a subclass of this.
        """
        self._process.get()
        try:
            found = self._app(app, login_code)
            handle, login = await aio.run(self._log_in(found, login_code), self._world(found.tenant))
            return Session(handle, login.subject, login.app)
        except Exception as error:  # noqa: BLE001 - _only_ours sorts out every kind
            failure = _only_ours(error)
        del login_code
        raise failure

    async def aclose(self) -> None:
        """Wait for the requests of this event loop to finish, including those whose caller was cancelled."""
        for world in self._worlds.values():
            await world.finish()
        for store in self._stores.values():
            await store.asynchronous().aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _traceback: TracebackType | None
    ) -> None:
        await self.aclose()
