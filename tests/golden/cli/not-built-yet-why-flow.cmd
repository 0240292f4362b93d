bulkhead why shop.yaml --flow 17
