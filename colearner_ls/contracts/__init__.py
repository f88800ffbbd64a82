"""What goes over the wire: the envelope, every payload, the catalogue, ids. No I/O, and nothing of ours is imported.

Importing this package is cheap: pydantic is loaded only by :mod:`~colearner_ls.contracts.envelope`,
:mod:`~colearner_ls.contracts.payloads` and :mod:`~colearner_ls.contracts.views`, which readers of an existing journal do not need.
"""
