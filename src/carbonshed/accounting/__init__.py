"""Floor 3: carbon sinks, carbon sources, their allocation in space, and the account they make."""
