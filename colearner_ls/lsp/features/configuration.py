"""The opening after ``initialized``, changed settings, changed folders."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from lsprotocol import types
from pygls.exceptions import JsonRpcException

from colearner_ls.lsp.options import SECTION, Options, parse

if TYPE_CHECKING:
    from colearner_ls.lsp.server import ColearnerServer

logger = logging.getLogger(__name__)

SETTINGS_S: Final = 1.5
"""How long the opening waits for the editor's settings, in seconds; it goes on without them."""


def register(server: ColearnerServer) -> None:
    """Register the feature."""

    @server.feature(types.INITIALIZED)
    async def initialized(params: types.InitializedParams) -> None:
        server.spawn(_begin(server), "opening")

    @server.feature(types.WORKSPACE_DID_CHANGE_CONFIGURATION)
    async def configured(params: types.DidChangeConfigurationParams) -> None:
        section = params.settings.get(SECTION) if isinstance(params.settings, Mapping) else None
        if section is None and server.client.configuration:
            section = await _pulled(server)
        await _use(server, section)

    @server.feature(types.WORKSPACE_DID_CHANGE_WORKSPACE_FOLDERS)
    async def folders_changed(params: types.DidChangeWorkspaceFoldersParams) -> None:
        before = server.folder
        removed = {folder.uri for folder in params.event.removed}
        added = [folder.uri for folder in params.event.added]
        server.folders = [*(uri for uri in server.folders if uri not in removed), *added]
        if server.folder != before or (len(added) and len(server.folders) > 1):
            await server.reopen()


async def _begin(server: ColearnerServer) -> None:
    if server.client.configuration:
        server.options = server.given.overlaid(_options(server, await _pulled(server)))
    await server.reopen()
    if server.client.configuration_dynamic:
        registration = types.Registration(
            id="colearner-settings",
            method=types.WORKSPACE_DID_CHANGE_CONFIGURATION,
            register_options=types.DidChangeConfigurationRegistrationOptions(section=SECTION),
        )
        await _bounded(server.client_register_capability_async(types.RegistrationParams([registration])))


async def _use(server: ColearnerServer, section: object) -> None:
    options = server.given.overlaid(_options(server, section))
    before, server.options = server.options, options
    if _opens_something_else(before, options):
        await server.reopen()


def _opens_something_else(before: Options, after: Options) -> bool:
    names = ("role", "session", "student", "author", "bus")
    return any(getattr(before, name) != getattr(after, name) for name in names)


def _options(server: ColearnerServer, section: object) -> Options:
    parsed = parse(section, f"settings “{SECTION}”")
    for problem in parsed.problems:
        server.log(problem, types.MessageType.Warning)
    return parsed.options


async def _pulled(server: ColearnerServer) -> Any:
    scope = server.folders[0] if server.folders else None
    item = types.ConfigurationItem(section=SECTION, scope_uri=scope)
    answer = await _bounded(server.workspace_configuration_async(types.ConfigurationParams(items=[item])))
    return answer[0] if answer else None


async def _bounded(asking: Any) -> Any:
    try:
        async with asyncio.timeout(SETTINGS_S):
            return await asking
    except (TimeoutError, JsonRpcException) as problem:
        logger.info("the client did not answer about settings: %s", problem)
        return None
