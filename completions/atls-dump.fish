# fish completion for atls-dump, written by `make completions`

complete -c atls-dump -s f -l from -x -a 'raw json hex base64 http trace har pcap flow folder' -d 'the form of the input (default: told by its content)'
complete -c atls-dump -l json -d 'print JSON, one object a record'
complete -c atls-dump -l keylog -r -F -d 'open records with the secrets of FILE, as SSLKEYLOGFILE gathers them'
complete -c atls-dump -s q -l quiet -d 'say nothing but errors'
complete -c atls-dump -s v -l verbose -d 'print the whole tree down to each field; twice: all bytes of long values'
complete -c atls-dump -s h -l help -d 'print this help and exit'
complete -c atls-dump -s V -l version -d 'print the versions of the tool and its libraries and exit'
