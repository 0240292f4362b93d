bulkhead fmt shop.yaml >f; bulkhead fmt f | cmp - f && rm f
