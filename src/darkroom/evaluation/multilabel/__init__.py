"""Several labels of an image: metrics, intervals, thresholds and calibration.

Arrays are scores float [N,L] (any numbers that rise with the model's belief), probabilities float [N,L],
decisions bool [N,L], and labels int8 [N,L]: 1 has it, 0 has it not, -1 unknown. What is unknown is in no
figure.
"""
