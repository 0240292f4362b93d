bulkhead matrix zoned.yaml --at 2026-10-25T01:30:00Z
