# SPDX-License-Identifier: MIT
"""Captures the fixtures in samples/ from real Linux guests; started by samples/capture."""
