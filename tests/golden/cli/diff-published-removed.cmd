sed "s/, publish.*}/}}/" published.yaml | bulkhead diff published.yaml -
