bulkhead matrix shop.yaml --at 2026-11-24T03:00Z
