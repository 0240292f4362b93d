bulkhead why shop.yaml --batch </dev/null
