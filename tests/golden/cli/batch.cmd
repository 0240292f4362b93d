bulkhead why shop.yaml --batch --at 2026-11-24T03:00Z
