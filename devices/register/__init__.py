"""The register: guards, shifts, posts, gates, barriers, safety officers, calendar and bells in one workbook.

::

    sheets ──► forms (what each sheet holds) ──► plan: facts, or every fault ──► importer: one transaction
    storage ──► exporter ──► the same sheets
"""
