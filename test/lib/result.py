# SPDX-License-Identifier: Apache-2.0
"""How a test ends other than well."""


class Failure(Exception):
    """What went wrong, in a sentence, and the logs that belong to it."""

    def __init__(self, text, details=""):
        super().__init__(text)
        self.text = text
        self.details = details


class Skip(Exception):
    """What the machine lacks."""
