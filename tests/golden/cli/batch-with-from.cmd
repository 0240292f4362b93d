bulkhead why shop.yaml --batch --from orders
