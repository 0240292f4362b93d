bulkhead why shop.yaml --from ledger --port 5432/tcp --at 2026-11-24T12:00Z
