"""The servers that benchmarks/serving.py compares with ours. Each is told its model by DARKROOM_BENCH."""
