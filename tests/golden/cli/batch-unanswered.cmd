bulkhead why shop.yaml --batch --at 2026-11-24T12:00Z
