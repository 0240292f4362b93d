bulkhead "$(printf "\033[31mred")"
