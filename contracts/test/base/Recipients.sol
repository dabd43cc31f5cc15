// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {ITokenHook} from "./Tokens.sol";

/// @dev Refuses Ether until told otherwise.
contract Refuser {
    bool public accepts;

    function accept() external {
        accepts = true;
    }

    function run(address target, bytes calldata data) external returns (bytes memory) {
        (bool done, bytes memory answer) = target.call(data);
        require(done, "run");
        return answer;
    }

    receive() external payable {
        require(accepts, "refused");
    }
}

/// @dev Uses up all gas that it is given.
contract GasBurner {
    receive() external payable {
        while (true) {}
    }
}

/// @dev Takes the Ether, if it can afford the memory, and answers or fails with a very long text.
contract ReturnBomber {
    bool private immutable _fails;
    uint256 private immutable _size;

    constructor(bool fails, uint256 size) {
        _fails = fails;
        _size = size;
    }

    receive() external payable {
        bool fails = _fails;
        uint256 size = _size;
        assembly {
            if fails { revert(0, size) }
            return(0, size)
        }
    }
}

/// @dev A wallet that writes some storage when Ether arrives: dear, but within the allowance.
contract Bookkeeper {
    uint256 public count;
    uint256 public last;

    receive() external payable {
        ++count;
        last = msg.value;
    }
}

/// @dev Looks at the gas that a payment brings, then refuses any payment that brings less.
contract Meter {
    uint256 public demanded;
    uint256 public seen;

    function demand(uint256 demanded_) external {
        demanded = demanded_;
    }

    receive() external payable {
        uint256 given = gasleft();
        require(given >= demanded, "too little gas");
        seen = given;
    }
}

/// @dev Calls back with prepared data when Ether or a hooked token arrives or leaves, once for each
/// prepared call. If `insists`, a failing call back fails the whole; otherwise it only records.
contract Reenterer is ITokenHook {
    // One slot, so that what it does fits into the gas of a payment.
    address public target;
    bool public insists;
    bool private _inside;
    uint16 public succeeded;
    uint16 public failed;
    bytes4 public lastReason;
    bytes[] public calls;

    function prepare(address target_, bytes calldata data, bool insists_) external {
        target = target_;
        calls.push(data);
        insists = insists_;
    }

    function run(bytes calldata data, uint256 value) external {
        (bool done, bytes memory answer) = target.call{value: value}(data);
        if (!done) {
            assembly {
                revert(add(answer, 32), mload(answer))
            }
        }
    }

    function callOther(address other, bytes calldata data) external {
        (bool done,) = other.call(data);
        require(done, "other");
    }

    function tokensMove() external {
        _reenter();
    }

    receive() external payable {
        _reenter();
    }

    function _reenter() private {
        if (_inside) return;
        _inside = true;
        for (uint256 i = 0; i < calls.length; ++i) {
            (bool done, bytes memory answer) = target.call(calls[i]);
            if (done) ++succeeded;
            else ++failed;
            lastReason = bytes4(answer);
            require(done || !insists, "insists");
        }
        _inside = false;
    }
}
