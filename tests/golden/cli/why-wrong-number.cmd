bulkhead why shop.yaml --from orders --to ledger --port 80 --at 2026-11-24T12:00Z
