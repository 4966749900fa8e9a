"""Reports on the targets: gathered once, told as JSON, as a workbook and on paper."""
