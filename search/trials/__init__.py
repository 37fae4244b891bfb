"""One trial: what is sent to a worker, what runs there, what comes back, and the states it leaves on its way."""
