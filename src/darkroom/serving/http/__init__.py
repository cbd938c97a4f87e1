"""HTTP: requests, responses, limits and connections, before and after a prediction."""
