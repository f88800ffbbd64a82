"""What the client can do, resolved once from ``initialize`` into plain booleans.

Nothing else in the house looks into ``ClientCapabilities``: its objects are nested six deep, all optional, and a
typing error there reads as "the client cannot".
"""

from __future__ import annotations

from typing import Any

from lsprotocol import types

from colearner_ls.contracts.frozen import frozen

CODE_ACTION_KINDS = ("quickfix", "source")


@frozen
class Client:
    """The client's abilities that we use. The default is a client that can do nothing optional."""

    name: str = ""
    version: str = ""
    inlay_hint: bool = False
    inlay_hint_refresh: bool = False
    code_lens: bool = False
    code_lens_refresh: bool = False
    diagnostic_push: bool = False
    """``textDocument.publishDiagnostics`` is declared; LSP allows to push to clients that do not declare it."""
    diagnostic_related: bool = False
    diagnostic_code_description: bool = False
    diagnostic_data: bool = False
    diagnostic_version: bool = False
    diagnostic_pull: bool = False
    diagnostic_refresh: bool = False
    hover_markdown: bool = False
    code_action_literals: bool = False
    """Can take ``CodeAction`` objects; without it only bare commands may be answered (LSP 3.8)."""
    code_action_data: bool = False
    show_message_request: bool = False
    """LSP has no flag for the request itself; declaring anything about ``window.showMessage`` is the nearest."""
    show_document: bool = False
    work_done_progress: bool = False
    configuration: bool = False
    configuration_dynamic: bool = False
    apply_edit: bool = False
    workspace_folders: bool = False
    did_save: bool = False


def resolve(params: types.InitializeParams) -> Client:
    """The abilities declared in ``initialize``."""
    caps = params.capabilities
    text = _Maybe(caps.text_document)
    work = _Maybe(caps.workspace)
    window = _Maybe(caps.window)
    push = text.publish_diagnostics
    return Client(
        name=params.client_info.name if params.client_info else "",
        version=(params.client_info.version or "") if params.client_info else "",
        inlay_hint=text.inlay_hint.given,
        inlay_hint_refresh=work.inlay_hint.refresh_support.true,
        code_lens=text.code_lens.given,
        code_lens_refresh=work.code_lens.refresh_support.true,
        diagnostic_push=push.given,
        diagnostic_related=push.related_information.true,
        diagnostic_code_description=push.code_description_support.true,
        diagnostic_data=push.data_support.true,
        diagnostic_version=push.version_support.true,
        diagnostic_pull=text.diagnostic.given,
        diagnostic_refresh=work.diagnostics.refresh_support.true,
        hover_markdown="markdown" in text.hover.content_format.values,
        code_action_literals=text.code_action.code_action_literal_support.given,
        code_action_data=text.code_action.data_support.true,
        show_message_request=window.show_message.given,
        show_document=window.show_document.support.true,
        work_done_progress=window.work_done_progress.true,
        configuration=work.configuration.true,
        configuration_dynamic=work.did_change_configuration.dynamic_registration.true,
        apply_edit=work.apply_edit.true,
        workspace_folders=work.workspace_folders.true,
        did_save=text.synchronization.did_save.true,
    )


class _Maybe:
    """A value that may be missing, and whose parts may be missing."""

    def __init__(self, value: Any) -> None:
        self._value = value

    def __getattr__(self, name: str) -> _Maybe:
        return _Maybe(None if self._value is None else getattr(self._value, name))

    @property
    def given(self) -> bool:
        return self._value is not None

    @property
    def true(self) -> bool:
        return self._value is True

    @property
    def values(self) -> tuple[str, ...]:
        return tuple(str(getattr(item, "value", item)) for item in self._value or ())
