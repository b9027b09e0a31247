"""Training on one device without DeepSpeed: the same calls as its engine, none of its hooks.

With one process there is nothing to divide and nobody to wait for. Weights in fp32 are trained as
they are. For bf16 the trained ones have a master copy in fp32: each gradient is added to the
master's in fp32 as soon as it is complete and then freed, AdamW steps on the masters, and the model
gets them rounded. Weights that are not trained stay in bf16 alone.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from epigpt.training.plan import Plan


class SingleDevice:
    """A model with its optimizer on one device.

    Parameters
    ----------
    model
        Moved to `device` and to the plan's precision; its trained parameters keep their gradients
        in fp32.
    optimizer
        Of the model's trained parameters; for bf16 its groups are handed the masters instead.
    clipping
        Largest norm of a step's gradient; 0: not clipped.

    Attributes
    ----------
    module, optimizer
        As of DeepSpeed's engine.
    """

    def __init__(
        self,
        model: nn.Module,
        optimizer: torch.optim.Optimizer,
        plan: Plan,
        clipping: float,
        device: torch.device,
    ) -> None:
        self.module, self.optimizer = model, optimizer
        self._accumulation, self._clipping, self._counted = plan.accumulation, clipping, 0
        self._masters: dict[nn.Parameter, nn.Parameter] = {}
        trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
        if plan.precision == "bf16":
            kept = {
                parameter: parameter.detach().to(device, torch.float32, copy=True)
                for parameter in trained
            }
            model.to(device=device, dtype=torch.bfloat16)
            self._masters = {parameter: nn.Parameter(master) for parameter, master in kept.items()}
            for parameter, master in self._masters.items():
                parameter.register_post_accumulate_grad_hook(_collecting(master))
            for group in optimizer.param_groups:
                group["params"] = [self._masters[parameter] for parameter in group["params"]]
        else:
            model.to(device=device)
        self._stepped = list(self._masters.values()) or trained

    def __call__(self, **batch: torch.Tensor) -> Any:
        """Run the model."""
        return self.module(**batch)

    def train(self) -> None:
        """Switch to training."""
        self.module.train()

    def eval(self) -> None:
        """Switch to scoring."""
        self.module.eval()

    def backward(self, loss: torch.Tensor) -> None:
        """Add a micro-batch's gradients, so that a step has their mean."""
        (loss / self._accumulation).backward()
        self._counted += 1

    def step(self) -> None:
        """Step after the last micro-batch of a batch; nothing before."""
        if self._counted < self._accumulation:
            return
        self._counted = 0
        if self._clipping:
            nn.utils.clip_grad_norm_(self._stepped, self._clipping)
        self.optimizer.step()
        # The memory stays: the next step adds to it.
        self.optimizer.zero_grad(set_to_none=not self._masters)
        self.round()

    def round(self) -> None:
        """Give the model the masters' values."""
        if self._masters:
            torch._foreach_copy_(
                [parameter.data for parameter in self._masters],
                [master.data for master in self._masters.values()],
            )

    def whole(self, parameter: nn.Parameter) -> nn.Parameter:
        """Return a trained parameter in fp32."""
        return self._masters.get(parameter, parameter)

    def zero_optimization_stage(self) -> int:
        """Nothing is divided."""
        return 0


def _collecting(master: nn.Parameter) -> Callable[[torch.Tensor], None]:
    """Return the hook that moves a parameter's gradient to its master. It holds the master alone:
    what a hook holds of the engine, and with it the model, is never freed."""

    def collect(parameter: torch.Tensor) -> None:
        if master.grad is None:
            master.grad = torch.zeros_like(master)
        if parameter.grad is not None:
            master.grad.add_(parameter.grad)
            parameter.grad = None

    return collect
