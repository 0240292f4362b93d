bulkhead why shop.yaml --from orders --to ledger --at 2026-11-24T12:00Z
