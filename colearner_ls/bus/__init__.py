"""The bus carries records between machines and knows nothing of what they mean.

One module per URL scheme behind :class:`~colearner_ls.bus.protocol.Bus`: ``sqlite://`` (embedded, this machine only)
and ``kafka://``. Importing this package costs nothing; a transport is loaded when
:func:`~colearner_ls.bus.protocol.open_bus` first needs it.
"""
