// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {DevelopmentChains} from "src/DevelopmentChains.sol";

/// @title A token that anybody may mint, for the local scenario
/// @notice Worth nothing, and refuses to exist or to be minted off development chains.
contract DevelopmentToken is ERC20, DevelopmentChains {
    uint8 private immutable _decimals;

    constructor(string memory name_, string memory symbol_, uint8 decimals_) ERC20(name_, symbol_) {
        _requireDevelopmentChain();
        _decimals = decimals_;
    }

    /// @notice Makes `amount` new token atoms out of nothing.
    function mint(address to, uint256 amount) external {
        _requireDevelopmentChain();
        _mint(to, amount);
    }

    /// @inheritdoc ERC20
    function decimals() public view override returns (uint8) {
        return _decimals;
    }
}
