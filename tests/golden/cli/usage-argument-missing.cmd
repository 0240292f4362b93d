bulkhead why shop.yaml --from
