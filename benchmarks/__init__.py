"""Side-by-side measurements that anyone can run; their last results are in results/."""
