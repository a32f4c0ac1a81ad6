"""How far predictions are from what they should be: MSE, RMSE, MAE and R2 over all numbers of all samples, and the same weighted loss as the training's."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor


@dataclass
class Measures:
    """Sums in double precision, so that the order of batches does not matter."""

    count: int = 0
    squared: float = 0.0
    absolute: float = 0.0
    target: float = 0.0
    target_squared: float = 0.0

    def add(self, prediction: Tensor, target: Tensor) -> None:
        """Of one shape."""
        wanted = target.detach().double().cpu()
        error = prediction.detach().double().cpu() - wanted
        self.count += error.numel()
        self.squared += float((error**2).sum())
        self.absolute += float(error.abs().sum())
        self.target += float(wanted.sum())
        self.target_squared += float((wanted**2).sum())

    def told(self) -> dict[str, float]:
        """r2: 1 is perfect, 0 as good as always answering the mean."""
        if not self.count:
            return {}
        mse = self.squared / self.count
        spread = self.target_squared - self.target**2 / self.count
        r2 = 1 - self.squared / spread if spread > 0 else 0.0
        return {"mse": mse, "rmse": mse**0.5, "mae": self.absolute / self.count, "r2": r2}
