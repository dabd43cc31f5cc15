// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";

/// @dev An honest token with any number of decimals.
contract PlainToken is ERC20 {
    uint8 private immutable _decimals;

    constructor(uint8 decimals_) ERC20("Plain", "PLN") {
        _decimals = decimals_;
    }

    function decimals() public view override returns (uint8) {
        return _decimals;
    }

    function mint(address to, uint256 amount) external {
        _mint(to, amount);
    }
}

/// @dev Keeps one token atom of every transfer.
contract FeeToken is PlainToken(6) {
    function _update(address from, address to, uint256 value) internal override {
        super._update(from, to, value);
        if (from != address(0) && to != address(0)) super._update(to, address(0), 1);
    }
}

/// @dev Pays more than it takes: its balance grows by one on every transfer.
contract BonusToken is PlainToken(6) {
    function _update(address from, address to, uint256 value) internal override {
        super._update(from, to, value);
        if (from != address(0) && to != address(0)) super._update(address(0), to, 1);
    }
}

/// @dev Returns nothing at all, as USDT does.
contract SilentToken {
    uint8 public constant decimals = 6;
    mapping(address => uint256) public balanceOf;
    mapping(address => mapping(address => uint256)) public allowance;

    function mint(address to, uint256 amount) external {
        balanceOf[to] += amount;
    }

    function approve(address spender, uint256 amount) external {
        allowance[msg.sender][spender] = amount;
    }

    function transfer(address to, uint256 amount) external {
        balanceOf[msg.sender] -= amount;
        balanceOf[to] += amount;
    }

    function transferFrom(address from, address to, uint256 amount) external {
        allowance[from][msg.sender] -= amount;
        balanceOf[from] -= amount;
        balanceOf[to] += amount;
    }
}

/// @dev Can be told to misbehave: return false, refuse an account, burn all gas or return a bomb.
contract MoodyToken is PlainToken(6) {
    enum Mood {
        Honest,
        ReturnsFalse,
        BurnsGas,
        ReturnsBomb
    }

    Mood public mood;
    mapping(address => bool) public refused;

    function setMood(Mood mood_) external {
        mood = mood_;
    }

    function refuse(address who, bool refused_) external {
        refused[who] = refused_;
    }

    function transfer(address to, uint256 amount) public override returns (bool) {
        if (_misbehaves()) return false;
        return super.transfer(to, amount);
    }

    function transferFrom(address from, address to, uint256 amount) public override returns (bool) {
        if (_misbehaves()) return false;
        return super.transferFrom(from, to, amount);
    }

    function _misbehaves() private view returns (bool) {
        if (mood == Mood.BurnsGas) while (true) {}
        if (mood == Mood.ReturnsBomb) {
            bytes memory bomb = new bytes(100_000);
            assembly {
                revert(add(bomb, 32), mload(bomb))
            }
        }
        return mood == Mood.ReturnsFalse;
    }

    function _update(address from, address to, uint256 value) internal override {
        require(!refused[to], "refused");
        super._update(from, to, value);
    }
}

/// @dev Calls back before it moves anything: the sender of a `transferFrom`, the receiver of a
/// `transfer`, as ERC-777 does.
contract HookToken is PlainToken(6) {
    mapping(address => bool) public hooked;

    function hook(address who) external {
        hooked[who] = true;
    }

    function _update(address from, address to, uint256 value) internal override {
        if (hooked[from]) ITokenHook(from).tokensMove();
        super._update(from, to, value);
        if (hooked[to]) ITokenHook(to).tokensMove();
    }
}

interface ITokenHook {
    function tokensMove() external;
}
