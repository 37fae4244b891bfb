"""What the search cost, stage by stage, and how busy its workers and machines were."""
