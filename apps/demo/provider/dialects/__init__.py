"""The dialects, one file each: how a provider's request is read, its answer written, and its refusals worded."""
