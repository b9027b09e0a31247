"""Fine-tuning: the plan, the launch, one loop for CPU and GPU, checkpoints."""
