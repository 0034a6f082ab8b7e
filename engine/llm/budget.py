"""What requests cost, counted in tokens, and a limit that is kept before a request is sent, not found out after."""

from __future__ import annotations

import math
from dataclasses import dataclass

from engine.errors import BudgetError


def estimate_tokens(text: str) -> int:
    """About how many tokens `text` has, rather too many: 3 letters a token in ASCII, 2 in other scripts.

    Measured tokenisers take about 4 and 2 to 3; no tokeniser is known here, because the model behind an endpoint isn't.
    """
    ascii_letters = sum(letter.isascii() for letter in text)
    return math.ceil(ascii_letters / 3 + (len(text) - ascii_letters) / 2)


@dataclass
class Budget:
    """Tokens spent so far, and the most that may be spent (None: no limit). Requests under way count as reserved."""

    limit: int | None = None
    tokens_in: int = 0
    tokens_out: int = 0
    reserved: int = 0

    @property
    def spent(self) -> int:
        """Tokens of prompts and answers together."""
        return self.tokens_in + self.tokens_out

    def reserve(self, tokens: int) -> None:
        """Set `tokens` aside for a request. Raises BudgetError when they would pass the limit."""
        if self.limit is not None and self.spent + self.reserved + tokens > self.limit:
            raise BudgetError(
                f"The budget of {self.limit:,} tokens is used up ({self.spent:,} spent); raise it with --budget."
            )
        self.reserved += tokens

    def settle(self, tokens: int, *, tokens_in: int = 0, tokens_out: int = 0) -> None:
        """Replace `tokens` set aside by what the request really took."""
        self.reserved -= tokens
        self.tokens_in += tokens_in
        self.tokens_out += tokens_out


@dataclass(frozen=True)
class Price:
    """Dollars per million tokens of prompts and of answers."""

    prompts: float
    answers: float

    def cost(self, budget: Budget) -> float:
        """Dollars spent so far."""
        return (budget.tokens_in * self.prompts + budget.tokens_out * self.answers) / 1e6
