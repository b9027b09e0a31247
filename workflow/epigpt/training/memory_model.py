"""Memory that a way of training takes on each device.

Model states per parameter (Rajbhandari et al., ZeRO, SC 2020) for AdamW: fp32 4 bytes of weights, 4
of gradients, 8 of moments, and 4 of DeepSpeed's flat copy from stage 1 on; bf16 2 + 2, and 12 of
fp32 weights and moments. Stage 1 divides the optimizer's share by the devices, stage 2 the
gradients too, stage 3 the weights too; weights that are not trained have neither gradients nor
optimizer. One device alone needs no stage and no DeepSpeed: in bf16 2 bytes of weights, 4 of
gradients, which are added up in fp32, and 12 of the optimizer; several devices whose batches are
cut into micro-batches add up in fp32 too, from stage 2 on. Where that is too much, the optimizer's
share leaves the devices: for the node's memory, or for a disk. Activations per token, layer and
unit of width with fused attention: 34 bytes at 16 bit (Korthikanti et al., 2022), of which 2 stay
with activation checkpointing. Each step copies the gradients into one flat array, for
bf16 a second time in fp32; what activations leave free is used for it on a GPU, but a CPU's
allocator keeps both. On a CPU the weights are drawn or read in fp32 before anything else. A GPU
scores with the finished model in fp32, beside frozen blocks that stay for the next fit.
"""

from dataclasses import dataclass

from epigpt.models.presets import ModelPreset

GB = 1_000_000_000
USABLE = 0.90
# Interpreter, libraries and their allocations in one training process.
PROCESS_BYTES = {"cpu": 650_000_000, "cuda": 2_500_000_000}
# What peft imports on top.
PEFT_BYTES = 150_000_000
# Elements that pass between disk and memory at a time, and how many times the largest group of them
# DeepSpeed holds in fp32: four buffers, and what passes between them and AdamW (measured peaks of
# medium, large and XL: 0.96, 1.00 and 0.99 of the plan).
SWAPPED_ELEMENTS, SWAP_BUFFERS = 50_000_000, 5
# Elements that stage 3 steps at a time: DeepSpeed's default.
GROUP_ELEMENTS = 1_000_000_000
# Parameters that stage 3 gathers ahead of their use, and gradients that wait for each other:
# DeepSpeed's defaults take 5 GB where a CPU has little more.
GATHERED_ELEMENTS, BUCKET_ELEMENTS = 100_000_000, 50_000_000


@dataclass(frozen=True)
class MemoryBudget:
    """Where a training may spread, in bytes.

    Attributes
    ----------
    device
        Memory of one device.
    node
        Memory of a node with GPUs that the optimizer may use, per device; 0: none.
    swap
        Whether the optimizer can live on disk, which takes Linux's asynchronous input and output
        (libaio) and a compiler.
    """

    device: int
    node: int = 0
    swap: bool = False


@dataclass(frozen=True)
class Strategy:
    """How a layout is trained on its devices."""

    stage: int
    micro: int
    checkpointing: bool
    offload: str = "none"
    accumulates: bool = False

    @property
    def accumulates_in_fp32(self) -> bool:
        """Return whether DeepSpeed is told to add up micro-batches' gradients in fp32. Its stage 1
        cannot without another optimizer class; what is swapped keeps to the buffers that were
        measured."""
        return self.accumulates and self.stage >= 2 and self.offload == "none"


@dataclass(frozen=True)
class MemoryModel:
    """A model spread over `world` devices, before ZeRO stage and micro-batch are chosen."""

    model: ModelPreset
    parameters: int
    trained: int
    precision: str
    world: int
    length: int
    device: str
    adapters: bool = False

    @property
    def lowest_stage(self) -> int:
        """Several devices need stage 1 for bf16: at stage 0 DeepSpeed keeps no fp32 master weights,
        and the loss drifts."""
        return 1 if self.precision == "bf16" and self.world > 1 else 0

    def memory(self, way: Strategy) -> dict[str, int]:
        """Bytes per device by purpose; see the module's first lines for the formulas."""
        half = self.precision == "bf16"
        # One device without DeepSpeed adds its gradients up in fp32, where they wait for the step.
        alone = self.world == 1 and way.stage == 0
        whole = alone or way.accumulates_in_fp32
        weights, gradients = (2, 4 if whole else 2) if half else (4, 4)
        divided = [self.world if way.stage >= needed else 1 for needed in (3, 2, 1)]
        unit = way.micro * self.length * self.model.width * (1 if half else 2)
        layer = 34 * unit
        checkpointed = 2 * unit * self.model.layers + layer
        sizes = {
            "weights": self.parameters * weights // divided[0],
            "gradients": self.trained * gradients // divided[1],
            "optimizer": self.optimizer(way) if way.offload == "none" else 0,
            "activations": checkpointed if way.checkpointing else layer * self.model.layers,
            "process": PROCESS_BYTES[self.device],
        }
        sizes["step"] = self._step(way)
        if way.offload == "nvme":
            # Gathered weights, gradients that wait for each other and their fp32 copy pass through
            # memory too.
            passing = weights * min(GATHERED_ELEMENTS, self.parameters) + (gradients + 4) * min(
                BUCKET_ELEMENTS, self.trained
            )
            sizes["swap buffers"] = 4 * SWAP_BUFFERS * self._largest_group() + passing
        if self.adapters and self.device == "cpu":
            sizes["process"] += PEFT_BYTES
        total = sum(sizes.values())
        if self.device == "cuda":
            total -= min(sizes["activations"], sizes["step"])
            stay = weights if self.trained < self.parameters else 0
            total = max(total, sizes["process"] + (stay + 4) * self.parameters)
        else:
            total = max(total, sizes["process"] + 4 * self.parameters)
        return {**sizes, "total": total}

    def _step(self, way: Strategy) -> int:
        """Return the copies of the gradients while the optimizer steps; on disk they pass through
        the buffers, a single process makes none."""
        if way.offload == "nvme" or (way.stage == 0 and self.world == 1):
            return 0
        half = self.precision == "bf16"
        if way.stage == 3:
            return 4 * min(GROUP_ELEMENTS, self.trained // self.world)
        return (6 if half else 4) * self.trained // (self.world if way.stage > 0 else 1)

    def _largest_group(self) -> int:
        """Elements of the largest group that is swapped: parameters are joined until they reach
        `SWAPPED_ELEMENTS`."""
        embedding = self.parameters - self.model.parameters(0)
        return (
            min(self.trained, max(embedding, SWAPPED_ELEMENTS + 4 * self.model.width**2))
            // self.world
        )

    def optimizer(self, way: Strategy) -> int:
        """Bytes of the optimizer's state that belong to one device, wherever they live."""
        half = self.precision == "bf16"
        return (
            self.trained
            * (12 if half or way.stage > 0 else 8)
            // (self.world if way.stage > 0 else 1)
        )

    def fits(self, way: Strategy, room: MemoryBudget) -> bool:
        """Return whether device and node hold what a way puts there."""
        beside = self.optimizer(way) + 4 * self.trained // self.world if way.offload == "cpu" else 0
        return self.memory(way)["total"] <= room.device * USABLE and beside <= room.node * USABLE
