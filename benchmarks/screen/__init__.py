"""The control room as somebody in front of a screen has it: a full district, and Debian's Chromium.

Each part stands alone and takes two minutes at most; `benchmarks.__main__` lists them.
"""
