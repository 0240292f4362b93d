bulkhead matrix timed.yaml --at 2026-11-24T23:00Z
