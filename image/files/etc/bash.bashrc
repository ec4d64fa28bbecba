# Every interactive shell of a level says where it is: [LEVEL/DEPTH].
[ -n "${PS1-}" ] || return

if [ -n "${INCEPTION_LEVEL-}" ]; then
    PS1='[${INCEPTION_LEVEL}/${INCEPTION_DEPTH-?}] \u@\h:\w\$ '
else
    PS1='\u@\h:\w\$ '
fi
shopt -s checkwinsize
