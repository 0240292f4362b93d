bulkhead why shop.yaml --from ordrs --to ledger --port 5432/tcp --json --at 2026-11-24T12:00Z
